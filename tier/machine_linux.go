package tier

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// MachineMemory is the memory that this process may use, in bytes: the machine's, or that of its cgroup (v1 or v2) if
// that is less. 0: unknown.
func MachineMemory() int64 {
	var si syscall.Sysinfo_t
	most := int64(0)
	if syscall.Sysinfo(&si) == nil {
		most = int64(si.Totalram) * int64(si.Unit)
	}
	for _, file := range cgroupLimits() {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64); err == nil && n > 0 && (most == 0 || n < most) {
			most = n
		}
	}
	return most
}

// cgroupLimits are the files that may hold a limit: of this process's groups and of those above.
func cgroupLimits() []string {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	var files []string
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, name := "/sys/fs/cgroup", "memory.max"
		if parts[1] == "memory" {
			root, name = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		} else if parts[1] != "" {
			continue
		}
		for dir := parts[2]; ; dir = filepath.Dir(dir) {
			files = append(files, filepath.Join(root, dir, name))
			if dir == "/" || dir == "." {
				break
			}
		}
	}
	return files
}
