package link

// ready serves a read here and now, if the handler has it at hand: a goroutine for each would cost more than a small one does, and
// wake the other processor for a large one. Answers to requests that came together leave together.
func (s *server) ready(r *servedRead) bool {
	if s.e.ready == nil || r.req.Length > MaxReady || r.req.Length > smallFrame && !s.alone() {
		return false
	}
	r.inline, r.ctx = true, s.ctx
	if !s.e.ready.ServeReady(s.peer.ID, &r.req, &r.w) {
		r.inline = false
		return false
	}
	r.w.finish(nil)
	s.owes = true
	return true
}

// alone reports whether a request that is not counted yet has the connection to itself, and goes to a node of this host, which takes it at
// once: what comes behind it, a cancel as well, is read when it is written. Over a network that is too long, and under TLS two processors
// are faster: one encrypts while the other decrypts.
func (s *server) alone() bool {
	if !s.near || s.src.buffered() > 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.requests) == 0
}

// answerReady writes what ready has left.
func (s *server) answerReady() {
	if s.owes {
		s.owes = false
		s.out.flush()
	}
}
