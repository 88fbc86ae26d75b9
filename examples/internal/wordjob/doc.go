// Package wordjob is the job of the examples: it counts the words of all files of a place three times through Millpond,
// cold, warm, and after the node was closed and opened again; it writes the result through the cache, and checks it
// against plain reads.
package wordjob
