package link

// ready serves a small read here and now, if the handler has it at hand: a goroutine for each would cost more than the read does.
// Answers to requests that came together leave together.
func (s *server) ready(r *servedRead) bool {
	if s.e.ready == nil || r.req.Length > MaxReady {
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

// answerReady writes what ready has left.
func (s *server) answerReady() {
	if s.owes {
		s.owes = false
		s.out.flush()
	}
}
