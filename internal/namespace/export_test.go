package namespace

// NewOfStep is New with commands that work on no more than n inodes.
func NewOfStep(n int) *Tree {
	t := New()
	t.step = n
	return t
}

// Work is how many inodes commands have looked at or changed.
func (t *Tree) Work() int { return t.table.Work() }

// StepInodes is how many inodes a command works on.
const StepInodes = stepInodes
