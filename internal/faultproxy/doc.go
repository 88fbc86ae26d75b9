// Package faultproxy stands between a driver and its store and does on purpose what networks and stores do by chance.
//
// # Model
//
// A [Proxy] passes HTTP requests on to one server, counts them by kind, and lets [Rule]s pick some of them for a
// [Fault]: an answer of its own, a connection that is reset, a body that is cut, stalls, is too short or has a flipped
// byte, an upload that breaks off, an answer that is lost after the server did its work. A [TCP] knows no requests: it
// delays, cuts and stalls connections, flips a bit of what they bring, and can be down altogether.
//
// The Host header passes unchanged, since signatures cover it.
//
// # Concurrency
//
// All methods may be called at the same time. Close ends connections and waits for all goroutines.
package faultproxy
