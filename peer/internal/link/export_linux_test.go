package link

const SpliceBytes = spliceBytes

// SparePipe has the endpoint send the next block through a pipe of these ends.
func (e *Endpoint) SparePipe(in, out int) {
	e.pipes.mu.Lock()
	defer e.pipes.mu.Unlock()
	e.pipes.mu.spare = append(e.pipes.mu.spare, &pipe{in: in, out: out})
}

// Copies reports whether it has found out that the system takes no memory through pipes.
func (e *Endpoint) Copies() bool {
	e.pipes.mu.Lock()
	defer e.pipes.mu.Unlock()
	return e.pipes.mu.none
}

// TakePipe takes a pipe away until put is called, which is nil if there is none.
func (e *Endpoint) TakePipe() (put func()) {
	p := e.pipes.get()
	if p == nil {
		return nil
	}
	return func() { e.pipes.put(p) }
}

// Spare is how many pipes are kept.
func (e *Endpoint) Spare() int {
	e.pipes.mu.Lock()
	defer e.pipes.mu.Unlock()
	return len(e.pipes.mu.spare)
}
