// Package journaltest is a mesh in memory for journals under test: it has members that crash and links that are cut, and lives inside a
// synctest bubble as well as outside of one.
package journaltest
