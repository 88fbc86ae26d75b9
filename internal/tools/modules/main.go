// Command modules reads what "go work edit -json" prints and prints the directories of the workspace, one a line.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	var work struct {
		Use []struct{ DiskPath string }
	}
	if err := json.NewDecoder(os.Stdin).Decode(&work); err != nil {
		fmt.Fprintln(os.Stderr, "modules:", err)
		os.Exit(1)
	}
	for _, m := range work.Use {
		fmt.Println(m.DiskPath)
	}
}
