//go:build unix

package fileufs

var RenameOntoClaim = renameOntoClaim
