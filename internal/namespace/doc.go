// Package namespace is the inode tree: a pure state machine.
package namespace
