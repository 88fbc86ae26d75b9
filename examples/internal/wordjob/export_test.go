package wordjob

// DifferInLines says where two texts part.
var DifferInLines = differInLines
