package cachefs

import "errors"

// refusal is an error with what would do instead.
type refusal struct {
	err   error
	would string
}

func (r *refusal) Error() string { return r.err.Error() + "; " + r.would }
func (r *refusal) Unwrap() error { return r.err }

func refuse(err error, would string) error { return &refusal{err, would} }

// advice is what would do where a call is refused for what the namespace has.
var advice = map[string][]refusal{
	"open":   {{ErrIncomplete, "OpenOptions.Wait waits for its Close"}},
	"create": {{ErrExist, "Overwrite replaces it, Append goes on with it"}, {ErrNotExist, "make its directory, or set Parents"}},
	"mkdir":  {{ErrNotExist, "make the directory above, or set Parents"}},
	"rename": {{ErrExist, "Overwrite replaces a file"}, {ErrCrossMount, "copy it and remove the source"}},
	"remove": {{ErrNotEmpty, "Recursive removes what is below"}},
	"free": {
		{ErrNotEmpty, "Recursive frees what is below"}, {ErrNotPersisted, "this is the only copy: Persist it first"}, {ErrPinned, "Force unpins it"},
	},
	"mount": {{ErrExist, "the mount point must not exist"}, {ErrReadOnly, "choose a mount point outside of the read-only mount"}},
	"unmount": {
		{ErrBusy, "files below are being written: close them, or set Force to lose them"},
		{ErrNotPersisted, "files below are only here: Persist them, or set Force to lose them"},
		{ErrNotMounted, "Mounts lists the mount points"},
	},
	"read":    {{ErrChanged, "open the file again for what is there now"}},
	"persist": {{ErrNotMounted, "no under store is mounted here"}},
}

// advised adds what would do to an error of a call, unless it says so already.
func advised(op string, err error) error {
	if _, ok := errors.AsType[*refusal](err); ok {
		return err
	}
	for _, a := range advice[op] {
		if errors.Is(err, a.err) {
			return refuse(err, a.would)
		}
	}
	return err
}
