// Package archtest has no code: its tests hold the shape of this module, which imports may point where, how many modules
// the core links, and what production code may not do.
package archtest
