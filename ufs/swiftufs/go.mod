module github.com/millpond/millpond/ufs/swiftufs

go 1.26.0

require (
	github.com/millpond/millpond v0.0.0
	github.com/ncw/swift/v2 v2.0.5
	github.com/stretchr/testify v1.12.1
	go.uber.org/goleak v1.3.0
)

require (
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sync v0.24.0 // indirect
)

replace github.com/millpond/millpond => ../..
