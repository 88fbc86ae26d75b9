package ufs

// op is a kind of call, as it is counted.
type op uint8

const (
	opStat op = iota
	opList
	opOpen
	opRead // of a body
	opCreate
	opWrite
	opCommit
	opDelete
	opDeleteBatch
	opRename
	opCopy
	opMkdir
	opSetMode
	opSetOwner
	ops
)

// opInfo says how calls of a kind are made.
type opInfo struct {
	name   string
	repeat bool // making it twice does what making it once does
	change bool // if its answer is lost, it may have happened
	long   bool // its time depends on a file's size
}

var opInfos = [ops]opInfo{
	opStat:        {name: "stat", repeat: true},
	opList:        {name: "list", repeat: true},
	opOpen:        {name: "open", repeat: true},
	opRead:        {name: "read", repeat: true},
	opCreate:      {name: "create"},
	opWrite:       {name: "write", long: true}, // it may wait for parts that are being sent
	opCommit:      {name: "commit", change: true, long: true},
	opDelete:      {name: "delete", change: true},
	opDeleteBatch: {name: "deletebatch", change: true},
	opRename:      {name: "rename", change: true, long: true},
	opCopy:        {name: "copy", change: true, long: true},
	opMkdir:       {name: "mkdir", change: true},
	opSetMode:     {name: "setmode", repeat: true},
	opSetOwner:    {name: "setowner", repeat: true},
}

func (o op) String() string { return opInfos[o].name }
