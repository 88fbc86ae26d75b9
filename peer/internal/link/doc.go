// Package link is the connections between the nodes of a mesh: one TCP port for all protocols, authentication of each
// connection both ways, calls, reads of blocks, and streams. It knows no members and no ring: it is told ids and finds
// their addresses through Config.Resolve.
package link
