package azufs

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/millpond/millpond/ufs/driver"
)

// connect makes a client with the first credentials that there are: those of the program, those of the environment. The
// SDK's own retries are off: package ufs retries what may be retried, and counts it.
func connect(o Options) (*service.Client, error) {
	co := &service.ClientOptions{ClientOptions: azcore.ClientOptions{
		Transport: o.Client,
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{ApplicationID: "millpond"},
	}}
	if s := os.Getenv("AZURE_STORAGE_CONNECTION_STRING"); s != "" && o.saysNothing() {
		c, err := service.NewClientFromConnectionString(s, co)
		if err != nil { // not shown: it may quote the key
			return nil, fmt.Errorf("%w: AZURE_STORAGE_CONNECTION_STRING is no connection string", driver.ErrInvalid)
		}
		return c, nil
	}
	o.Account = cmp.Or(o.Account, os.Getenv("AZURE_STORAGE_ACCOUNT"))
	at, err := o.serviceURL()
	if err != nil {
		return nil, err
	}
	switch {
	case o.Credential != nil:
		return service.NewClient(at, o.Credential, co)
	case o.Key != nil:
		return service.NewClientWithSharedKeyCredential(at, o.Key, co)
	case o.Anonymous:
		return service.NewClientWithNoCredential(at, co)
	}
	return connectByEnvironment(at, o.Account, co)
}

// saysNothing reports whether account and credentials are left to the environment.
func (o Options) saysNothing() bool {
	return o.Account == "" && o.Endpoint == "" && !o.Anonymous && o.Credential == nil && o.Key == nil
}

// serviceURL is where the account answers.
func (o Options) serviceURL() (string, error) {
	if o.Endpoint != "" {
		return strings.TrimSuffix(o.Endpoint, "/") + "/", nil
	}
	if o.Account == "" && o.Key != nil {
		o.Account = o.Key.AccountName()
	}
	if o.Account == "" {
		return "", fmt.Errorf("%w: no account: name it as account=, or in AZURE_STORAGE_ACCOUNT", driver.ErrInvalid)
	}
	return "https://" + o.Account + ".blob.core.windows.net/", nil
}

func connectByEnvironment(at, account string, co *service.ClientOptions) (*service.Client, error) {
	if key := os.Getenv("AZURE_STORAGE_KEY"); key != "" {
		cred, err := azblob.NewSharedKeyCredential(account, key)
		if err != nil || account == "" {
			return nil, fmt.Errorf("%w: AZURE_STORAGE_KEY must be base64, and wants an account: account=, or AZURE_STORAGE_ACCOUNT", driver.ErrInvalid)
		}
		return service.NewClientWithSharedKeyCredential(at, cred, co)
	}
	if sas := os.Getenv("AZURE_STORAGE_SAS_TOKEN"); sas != "" {
		return service.NewClientWithNoCredential(at+"?"+strings.TrimPrefix(sas, "?"), co)
	}
	cred, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: policy.ClientOptions{Transport: co.Transport}})
	if err != nil {
		return nil, fmt.Errorf("%w: no credentials in the environment: %w", driver.ErrPermission, err)
	}
	return service.NewClient(at, environment{cred}, co)
}

// environment is the SDK's chain of the credentials that a process may find around it.
type environment struct{ azcore.TokenCredential }

// GetToken implements azcore.TokenCredential.
func (e environment) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := e.TokenCredential.GetToken(ctx, o)
	if err != nil {
		err = &tokenError{err}
	}
	return t, err
}

// tokenError says which settings would do; the SDK, where it has looked.
type tokenError struct{ err error }

func (e *tokenError) Error() string {
	return fmt.Sprintf("no credentials: want AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, AZURE_TENANT_ID and AZURE_CLIENT_ID with a secret or certificate, a managed identity, "+
		"az login, Options.Credential or Key, or anonymous=true: %v", e.err)
}

func (e *tokenError) Unwrap() error { return e.err }
