package fileufs

// What renames do where the system has no exclusive one.
var (
	RenameByLink    = renameByLink
	RenameOntoEmpty = renameOntoEmpty
	RenameAfterLook = renameAfterLook
)
