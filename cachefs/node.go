package cachefs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millpond/millpond/internal/flight"
	"github.com/millpond/millpond/internal/namespace"
	"github.com/millpond/millpond/internal/vfs"
	"github.com/millpond/millpond/journal"
	"github.com/millpond/millpond/peer"
	"github.com/millpond/millpond/tier"
)

// Node is one process's part of the cache: its tiers, its replica of the namespace, its journal, its mounts. It
// implements FileSystem.
type Node struct {
	cfg   Config
	log   *slog.Logger
	id    string   // kept in Dir, else random
	lease [16]byte // of this run: what it has begun
	nodes nodes    // that share the namespace

	tree    *namespace.Tree
	journal *journal.Journal
	session journal.Session
	tiers   *tier.Store
	disk    bool // a tier survives the process
	young   bool // the journal was empty at Open, or began with a backup: blocks that it does not know may be good yet
	mounts  mountTable

	effects   *effects
	orphans   *orphans
	leftovers leftovers
	departed  departed
	mends     mends
	applying  applying
	overlay   *overlay
	absent    absent
	stats     *flight.Group[*found]   // looks into a store for one name
	lists     *flight.Group[struct{}] // and for a directory
	filler    *filler
	peers     *peer.Mesh // nil: alone
	mesh      *mesh      // what reads have of them
	door      *door      // what they ask
	persist   *persister
	backup    *backer // nil: none
	writers   writerSet
	outside   outside
	holds     holds
	taken     taken
	counters  counters

	clientFiles   clientFiles // that Clients read here
	clientStreams atomic.Int32

	ctx    context.Context // of everything that runs in the background; ends with Shutdown
	cancel context.CancelCauseFunc
	tasks  struct {
		sync.Mutex
		closed bool
		wg     sync.WaitGroup
	}
	closed   atomic.Bool
	shutdown struct {
		ended chan struct{} // closed when the first Shutdown has returned
		err   error         // what it returned
	}
}

// Open starts this process's node. It returns when the namespace of the last run is back and changes can be made;
// cached blocks of the last run are there as far as they are needed, and are checked behind. ctx bounds the start
// only. Everything that is wrong with cfg is reported at once, and only then what is wrong with a place that it names.
func Open(ctx context.Context, cfg Config) (*Node, error) { return open(ctx, cfg, nil) }

// open is Open among the nodes that among makes; nil: those that cfg says.
func open(ctx context.Context, cfg Config, among func(n *Node) nodes) (*Node, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, fmt.Errorf("cachefs: %w", err)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("cachefs: %w", notUp(ctx, ctx.Err()))
	}
	n := &Node{cfg: cfg, log: cfg.Logger, tree: namespace.New(), effects: newEffects(), orphans: newOrphans(), leftovers: newLeftovers(), departed: newDeparted(), mends: newMends()}
	n.ctx, n.cancel = context.WithCancelCause(context.Background())
	n.shutdown.ended = make(chan struct{})
	n.overlay = newOverlay(n)
	n.stats, n.lists = flight.New[*found](n.spawn, ErrClosed), flight.New[struct{}](n.spawn, ErrClosed)
	n.filler = newFiller(n, cfg.FillQueue)
	n.persist = newPersister(n)
	n.backup = newBacker(n)
	if among != nil {
		n.nodes = among(n)
	}
	if err := n.openLayers(ctx); err != nil {
		n.closeLayers(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("cachefs: %w", notUp(ctx, err))
	}
	n.start()
	if err := n.settle(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("cachefs: %w", notUp(ctx, err)), n.Close())
	}
	return n, nil
}

// notUp says of an error of Open that its context has ended, where that is why, and who ended it.
func notUp(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return fmt.Errorf("the context of Open ended before the node was up: %w", err)
}

// openLayers opens what lies below, bottom first.
func (n *Node) openLayers(ctx context.Context) (err error) {
	if n.cfg.Dir != "" {
		if err := vfs.MkdirAll(n.cfg.FS, n.cfg.Dir, 0o700); err != nil {
			return ownDir{"Dir", n.cfg.Dir}.fails(err)
		}
	}
	if n.backup != nil {
		if err := n.backup.check(ctx); err != nil {
			return err
		}
	}
	if err := n.openMesh(ctx); err != nil {
		return err
	}
	n.cfg.Journal.Events.Primary = n.leading(n.cfg.Journal.Events.Primary)
	if n.journal, err = journal.Open(ctx, n.cfg.Journal, &machine{tree: n.tree, effects: n.effects, leftovers: n.leftovers, applying: &n.applying, mounts: n.followMounts, leavers: n.followLeavers}); err != nil {
		return n.cfg.aboutJournal(err)
	}
	n.young = n.tree.Index() == 0 || n.backup != nil && n.backup.restored
	n.session = n.journal.Session()
	if n.peers == nil {
		n.id = n.journal.NodeID()
		n.lease = newLease(n.id)
	}
	if n.nodes == nil {
		n.nodes = alone{n.id}
	}
	for _, t := range n.cfg.Tiers {
		n.disk = n.disk || t.Kind != tier.Memory
	}
	n.tiers, err = tier.Open(ctx, tier.Options{
		BlockSize: n.cfg.BlockSize, FS: n.cfg.FS, Logger: n.log, Poison: n.cfg.Poison, Events: n.mends.heard(n.cfg.Events.Tier),
	}, n.cfg.Tiers...)
	if err != nil {
		return fmt.Errorf("Config.Tiers: %w", err)
	}
	if n.door != nil {
		n.door.open.Store(true)
	}
	return nil
}

// start starts what runs in the background. All of it ends with n.ctx, and Shutdown waits for it.
func (n *Node) start() {
	n.spawn(n.runEffects)
	n.spawn(n.overlay.run)
	for range n.cfg.FillWorkers {
		n.spawn(n.filler.work)
	}
	n.spawn(n.persist.run)
	n.spawn(n.runTTL)
	n.spawn(n.runIntents)
	n.spawn(n.runLeftovers)
	n.spawn(n.runMend)
	if n.backup != nil {
		n.backup.begun.Store(true)
		n.spawn(n.backup.run)
	}
	if !n.isAlone() {
		n.spawn(n.runDeparted)
		n.spawn(n.runRepair)
	}
	n.spawn(n.compareAtStart)
}

// settle brings the namespace of an earlier run and the Config together.
func (n *Node) settle(ctx context.Context) error {
	n.openStores(ctx)
	if err := n.takeOver(ctx); err != nil {
		return err
	}
	n.settleSoon(ctx)
	return n.mountAllConfigured(ctx)
}

// spawn runs task in a goroutine that Shutdown waits for; its context ends with the node. It reports false, and runs
// nothing, once the node closes.
func (n *Node) spawn(task func(ctx context.Context)) bool {
	n.tasks.Lock()
	defer n.tasks.Unlock()
	if n.tasks.closed {
		return false
	}
	n.tasks.wg.Go(func() { task(n.ctx) })
	return true
}

// ready is nil, or why a call does not begin: ErrClosed once Shutdown has begun, the cause of an ended context.
func (n *Node) ready(ctx context.Context) error {
	if n.closed.Load() {
		return errNodeClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// The words of ErrClosed are those of a file.
var (
	errNodeClosed   = fmt.Errorf("%w: the node is closed", ErrClosed)
	errClientClosed = fmt.Errorf("%w: the Client is closed", ErrClosed)
)

// Close is Shutdown within Config.CloseTimeout.
func (n *Node) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), n.cfg.CloseTimeout)
	defer cancel()
	return n.Shutdown(ctx)
}

// Shutdown ends the node: later calls are ErrClosed, files that are being written are given up, what is only in memory
// goes to a disk tier if there is one, most used first, and every goroutine ends. What no store has and no other node that stays
// has goes to one that does, or to its store, within ctx, also what it took of files that a full node is writing; in a mesh an error
// that is ErrLost says what ends with the node. MustCache files of a node alone without a disk tier end without a word. It waits for Views that are still
// lent within ctx. A second call waits, within its own ctx, for the first and for what that had no time for, and returns
// what the first did: after it another Open finds Dir free.
func (n *Node) Shutdown(ctx context.Context) error {
	if !n.closed.Swap(true) {
		defer close(n.shutdown.ended)
		n.shutdown.err = n.shut(ctx)
		return n.shutdown.err
	}
	select {
	case <-n.shutdown.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if n.shutdown.err == nil {
		return nil
	}
	if err := n.atRest(ctx); err != nil {
		return errors.Join(n.shutdown.err, err)
	}
	return n.shutdown.err
}

// atRest returns when nothing of the node runs any more, and its tiers and its journal are closed.
func (n *Node) atRest(ctx context.Context) error {
	select {
	case <-n.idle():
	case <-ctx.Done():
		return fmt.Errorf("background work still runs: %w", context.Cause(ctx))
	}
	tiers := n.tiers.Close(ctx)                 // nil, or what came of it since the first Shutdown left it to a disk that did not answer
	if n.journal.Close(ctx); ctx.Err() != nil { // what it said, the first Shutdown has returned
		return context.Cause(ctx)
	}
	return tiers
}

// idle is closed when every task has ended. No more begin.
func (n *Node) idle() <-chan struct{} {
	done := make(chan struct{})
	go func() { n.tasks.wg.Wait(); close(done) }()
	return done
}

func (n *Node) shut(ctx context.Context) error {
	var errs []error
	n.abortWriters(ctx)
	tell, told := n.forFarewell(ctx)
	n.flushFound(tell)
	err := n.handOn(ctx, tell)
	if told(); err != nil {
		errs = append(errs, err)
	}
	n.tasks.Lock()
	n.tasks.closed = true
	n.tasks.Unlock()
	n.cancel(ErrClosed)
	select {
	case <-n.idle():
		n.filler.abandon()
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("background work still runs: %w", context.Cause(ctx)))
	}
	return errors.Join(append(errs, n.closeLayers(ctx))...)
}

// flushTime is how long a node that leaves a mesh waits for the journal to take what was found in stores: the others may be
// leaving, too, and then nobody takes it. It would be found again.
const flushTime = 2 * time.Second

// flushFound has the journal take what was found in stores.
func (n *Node) flushFound(ctx context.Context) {
	if !n.isAlone() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, flushTime)
		defer cancel()
	}
	if err := n.overlay.flush(ctx); err != nil {
		n.log.Warn("what was found in under stores is not all recorded; it will be looked up again", "err", err)
	}
}

// abortWriters gives up what is being written. A store that does not answer keeps its writers longer than ctx: they end
// with the other tasks.
func (n *Node) abortWriters(ctx context.Context) {
	done := make(chan struct{})
	n.spawn(func(context.Context) { n.writers.abortAll(); close(done) })
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// closeLayers closes what openLayers opened, top first.
func (n *Node) closeLayers(ctx context.Context) error {
	n.cancel(ErrClosed)
	if n.door != nil {
		n.door.open.Store(false)
	}
	var errs []error
	if n.tiers != nil {
		errs = append(errs, n.tiers.Close(ctx))
	}
	if n.journal != nil {
		errs = append(errs, n.journal.Close(ctx))
	}
	errs = append(errs, n.closeMesh(ctx))
	for _, m := range n.mounts.all() {
		errs = append(errs, m.close())
	}
	if n.backup != nil {
		errs = append(errs, n.backup.close())
	}
	n.absent.close()
	return errors.Join(errs...)
}
