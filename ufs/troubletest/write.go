package troubletest

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/internal/faultproxy"
	"github.com/millpond/millpond/ufs/driver"
)

func writeItems() []item {
	return []item{
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
