package azufs

// OpenDriver opens the driver itself, for what the store around it keeps to itself.
var OpenDriver = places.Driver
