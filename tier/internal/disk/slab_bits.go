//go:build !race

package disk

const slabBits = 17 // entries of a slab: 8 MiB, so that it has huge pages, which are taken as they are written
