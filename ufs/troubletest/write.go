package troubletest

import (
	"context"
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs/driver"
)

func writeItems() []item {
	return []item{
		{"refused_upload_is_sent_again", refusedUpload},
		{"refused_part_is_sent_again", refusedPart},
		{"refused_completion_is_asked_for_again", refusedCompletion},
		{"cut_upload_publishes_nothing", cutUpload},
		{"cut_part_is_sent_again", cutPartOnce},
		{"cancelled_upload_publishes_nothing", cancelledUpload},
		{"flipped_byte_of_an_upload_is_refused", flippedUpload},
		{"flipped_byte_of_a_part_is_refused", flippedPart},
		{"lost_answer_is_Unknown", lostAnswer},
		{"lost_answer_of_a_completion_is_Unknown", lostCompletion},
		{"denied_upload_is_ErrPermission", deniedUpload},
		{"server_error_at_completion_publishes_nothing", completionFails},
	}
}

// Busy stores refuse a request for now: it is made again, and the file is published, once.
func refusedUpload(p *place)     { p.refused(Put, p.sizes()[Put]) }
func refusedPart(p *place)       { p.refused(Part, p.sizes()[Part]) }
func refusedCompletion(p *place) { p.refused(Complete, p.sizes()[Part]) }

// refused lets the first request of a kind be refused.
func (p *place) refused(kind string, size int) {
	p.Helper()
	for _, status := range p.h.Busy {
		p.Reset()
		p.meet(kind, 1, p.h.Refuse(status, 0))
		key := fmt.Sprintf("%s%d", kind, status)
		require.NoError(p, p.write(p.Context(), key, size), status)
		p.holds(key, size)
		if kind == Part {
			require.Greater(p, p.Counts()[kind], 3-1, status) // the third may be the completion
		} else {
			require.Equal(p, 2, p.Counts()[kind], status)
		}
	}
}

// cutUpload breaks each try to send a file, or a part of one, in its middle.
func cutUpload(p *place) {
	for kind, size := range p.sizes() {
		p.Reset()
		p.meet(kind, 0, faultproxy.CutUpload(500))
		require.Error(p, p.writeSoon("f", size), kind)
		require.Positive(p, p.Counts()[kind])
		p.Reset()
		p.nothing("f")
	}
}

func cutPartOnce(p *place) {
	size := p.sizes()[Part]
	p.meet(Part, 1, faultproxy.CutUpload(500))
	require.NoError(p, p.write(p.Context(), "f", size))
	p.holds("f", size)
	require.Greater(p, p.Counts()[Part], 3-1)
}

// cancelledUpload ends the context while the second part is under way. A small file may have arrived whole before that.
func cancelledUpload(p *place) {
	ctx, cancel := context.WithCancel(p.Context())
	defer cancel()
	p.On(faultproxy.Rule{Kinds: []string{Part}, Skip: 1, Fault: faultproxy.GivenUp(cancel)})
	require.ErrorIs(p, p.write(ctx, "f", p.sizes()[Part]), context.Canceled)
	p.Reset()
	p.nothing("f")
}

// inContent is a byte of a small file that is also one where the name and other things go before it in the same body.
const inContent = 700

// flippedUpload sends other bytes than those that were summed: the store must refuse them.
func flippedUpload(p *place) { p.flipped(Put) }
func flippedPart(p *place)   { p.flipped(Part) }

func (p *place) flipped(kind string) {
	p.Helper()
	p.meet(kind, 0, faultproxy.FlipUpload(inContent))
	require.Error(p, p.write(p.Context(), "f", p.sizes()[kind]))
	p.Reset()
	p.nothing("f")
}

// lostAnswer lets the store publish a file, and nobody hears of it.
func lostAnswer(p *place)     { p.lost(Put, p.sizes()[Put]) }
func lostCompletion(p *place) { p.lost(Complete, p.sizes()[Part]) }

func (p *place) lost(kind string, size int) {
	p.Helper()
	p.meet(kind, 0, faultproxy.Lost())
	err := p.writeSoon("f", size)
	unknown := new(driver.Unknown)
	require.ErrorAs(p, err, &unknown)
	if kind != Complete || !p.h.CompletesAgain {
		require.Equal(p, 1, p.Counts()[kind], "not made again blindly")
	}
	p.holds("f", size)
}

func deniedUpload(p *place) {
	p.meet(Put, 0, p.h.Refuse(403, 0))
	err := p.write(p.Context(), "f", p.sizes()[Put])
	require.ErrorIs(p, err, driver.ErrPermission)
	unknown := new(driver.Unknown)
	require.NotErrorAs(p, err, &unknown, "it certainly did nothing")
	require.Equal(p, 1, p.Counts()[Put])
	p.nothing("f")
}

func completionFails(p *place) {
	p.meet(Complete, 0, p.h.Refuse(500, 0))
	err := p.writeSoon("f", p.sizes()[Part])
	unknown := new(driver.Unknown)
	require.ErrorAs(p, err, &unknown)
	_, there := p.h.Get(p.TB, p.s, "f")
	require.False(p, there)
}
