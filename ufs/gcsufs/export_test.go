package gcsufs

// OpenDriver opens the driver itself, for what the store around it keeps to itself.
var OpenDriver = places.Driver

// Parse reads a URL, whose options show in no other way.
var Parse = parse
