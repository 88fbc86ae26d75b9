package azufs_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/millpond/millpond/ufs"
	"github.com/millpond/millpond/ufs/azufs"
)

// Who has no credentials is told where they may stand, beside what the SDK has tried, whether there is a network or not.
func TestNoCredentialsSayWhatWouldDo(t *testing.T) {
	for _, set := range os.Environ() {
		if name, _, _ := strings.Cut(set, "="); strings.HasPrefix(name, "AZURE_") || strings.HasPrefix(name, "IDENTITY_") || strings.HasPrefix(name, "MSI_") {
			t.Setenv(name, "")
		}
	}
	t.Setenv("PATH", "") // no az, azd or pwsh
	for name, client := range map[string]*http.Client{
		"refused":    offline(func(r *http.Request) *http.Response { return say(r, http.StatusForbidden, "") }),
		"no network": {Transport: failing{}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := azufs.Open(t.Context(), "box", "", &azufs.Options{Account: "me", Client: client, UFS: &ufs.Options{Attempts: 1}})
			for _, says := range []string{"AZURE_STORAGE_KEY", "AZURE_CLIENT_ID", "az login", "Options.Credential", "anonymous=true", "EnvironmentCredential"} {
				require.ErrorContains(t, err, says)
			}
		})
	}
}
