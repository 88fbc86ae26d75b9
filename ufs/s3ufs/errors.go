package s3ufs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/millpond/millpond/internal/refusal"
	"github.com/millpond/millpond/ufs/driver"
	"github.com/millpond/millpond/ufs/objects"
)

// ErrClock says that this machine's clock is so far from the store's that no signature holds.
var ErrClock = errors.New("this machine's clock and the store's are more than 15 minutes apart; set it")

// op is what a request was about, for its error.
type op struct{ verb, name string }

// do makes a request that publishes nothing: what came of it matters less than that its answer came.
func (b *bucket) do(ctx context.Context, o op, request func() error) error {
	return b.named(o, b.explain(ctx, o, b.fresh(request)))
}

// publish makes a request that publishes an object. An answer that is lost, or one that may come from half way, is
// *driver.Unknown.
func (b *bucket) publish(ctx context.Context, o op, request func() error) error {
	err := b.fresh(request)
	told := b.explain(ctx, o, err)
	if err != nil && !definite(err) {
		told = &driver.Unknown{Err: told}
	}
	return b.named(o, told)
}

func (b *bucket) named(o op, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %q in bucket %q: %w", o.verb, o.name, b.name, err)
}

// fresh makes a request once more with new credentials if the store finds them expired: it did nothing.
func (b *bucket) fresh(request func() error) error {
	err := request()
	if b.credentials == nil || !expired(err) {
		return err
	}
	b.credentials.Invalidate()
	return request()
}

// expired: the answer to a HEAD has no body that says more than 400.
func expired(err error) bool {
	return slices.Contains([]string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "BadRequest"}, code(err))
}

// code is that of the store's refusal, "" if it did not answer.
func code(err error) string {
	if err != nil && unsigned(err) {
		return ""
	}
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// status is that of the store's answer, 0 if it did not answer. Where there are no credentials the answer within err is that of who was asked
// for some: a machine without a role says 404, which is no word on the object.
func status(err error) (int, http.Header) {
	if err != nil && unsigned(err) {
		return 0, nil
	}
	e, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || e.Response == nil {
		return 0, nil
	}
	return e.HTTPStatusCode(), e.Response.Header
}

// definite reports whether a request that failed certainly did nothing.
func definite(err error) bool {
	switch s, _ := status(err); {
	case s == 0: // no answer; but nobody was there to get the request, or it was never sent
		return errors.Is(err, syscall.ECONNREFUSED) || unsent(err)
	case s == http.StatusServiceUnavailable, s == http.StatusTooManyRequests, s == http.StatusNotImplemented:
		return true
	default:
		return s >= 300 && s < 500 && s != http.StatusRequestTimeout
	}
}

// unsent: the name was not found, or there were no credentials to sign with.
func unsent(err error) bool {
	_, dns := errors.AsType[*net.DNSError](err)
	return dns || unsigned(err)
}

// unsigned: there were no credentials to sign with. The SDK has no type for it.
func unsigned(err error) bool {
	return strings.Contains(err.Error(), "failed to retrieve credentials") || strings.Contains(err.Error(), "get identity")
}

// noCredentials says which settings would do: the SDK's own text names the last place alone that it has looked at. It stays an error that
// may pass, for a machine's or a program's provider may be back.
func (b *bucket) noCredentials(err error) error {
	err = driver.NotOfStore(err)
	if b.o.Credentials != nil {
		return fmt.Errorf("no credentials from Options.Credentials: %w", err)
	}
	return fmt.Errorf("no credentials: want AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile (profile=, AWS_PROFILE), a role of the container or machine, Options.Credentials, or anonymous=true: %w", err)
}

// explain gives an error its meaning. The SDK's own text is kept: it has the store's request id.
func (b *bucket) explain(ctx context.Context, o op, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return errors.Join(cause, err)
	}
	s, header := status(err)
	c := code(err)
	switch {
	case s == 0 && unsigned(err):
		return b.noCredentials(err)
	case s == 0:
		return driver.NotOfStore(err)
	case c == "NoSuchBucket":
		return fmt.Errorf("%w: the bucket does not exist (region %s): %w", driver.ErrInvalid, b.region, err)
	case s == http.StatusMovedPermanently, c == "AuthorizationHeaderMalformed", c == "PermanentRedirect":
		return fmt.Errorf("%w: the bucket is not in region %s, set region%s: %w", driver.ErrInvalid, b.region, inRegion(header), err)
	case s == http.StatusForbidden && o.verb == "head" && skewed(header): // no body that says so
		return fmt.Errorf("%w: %w", ErrClock, err)
	case s == http.StatusPreconditionFailed && o.finds():
		return fmt.Errorf("%w: %w", driver.ErrChanged, err)
	case s == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", driver.ErrExist, err)
	case s == http.StatusRequestedRangeNotSatisfiable:
		return fmt.Errorf("%w: %w", objects.ErrRange, err)
	}
	if s >= http.StatusMultipleChoices && unread(err) {
		return join(errLater, err, refusal.RetryAfter(header))
	}
	if meaning := meaningOf(c, s); meaning != nil {
		return join(meaning, err, refusal.RetryAfter(header))
	}
	return err
}

// unread reports whether an answer broke off. The status of a refusal says that nothing was done, and what is left of it not why; that of a
// success says no such thing.
func unread(err error) bool {
	_, broken := errors.AsType[*smithy.DeserializationError](err)
	_, cut := errors.AsType[net.Error](err)
	return broken && (cut || errors.Is(err, io.ErrUnexpectedEOF))
}

// join puts meaning and error together.
func join(meaning, err error, after time.Duration) error {
	if meaning == errLater {
		return &driver.Retryable{Err: err, After: after}
	}
	return fmt.Errorf("%w: %w", meaning, err)
}

// errLater stands for driver.Retryable.
var errLater = errors.New("asked to come later")

// finds: a condition that fails is about what is read, copied or deleted, not about what is in the way.
func (o op) finds() bool {
	return o.verb == "get" || o.verb == "delete" || strings.HasPrefix(o.verb, "copy")
}

// meanings of S3's codes; of a status where there is no code.
var meanings = map[string]error{
	"NoSuchKey": driver.ErrNotExist, "NotFound": driver.ErrNotExist, "NoSuchUpload": driver.ErrNotExist, "NoSuchVersion": driver.ErrNotExist,
	"AccessDenied": driver.ErrPermission, "Forbidden": driver.ErrPermission, "AllAccessDisabled": driver.ErrPermission,
	"InvalidAccessKeyId": driver.ErrPermission, "SignatureDoesNotMatch": driver.ErrPermission, "InvalidToken": driver.ErrPermission, "ExpiredToken": driver.ErrPermission,
	"XAdminUserNotFound":   driver.ErrPermission, // versitygw's InvalidAccessKeyId, with status 404
	"RequestTimeTooSkewed": ErrClock,
	"NotImplemented":       driver.ErrUnsupported, "MethodNotAllowed": driver.ErrUnsupported,
	"InvalidRequest": errAbility, "InvalidArgument": errAbility, "MalformedXML": errAbility, "MissingContentMD5": errAbility,
	"SlowDown": errLater, "ServiceUnavailable": errLater, "TooManyRequests": errLater, "InternalError": errLater, "RequestTimeout": errLater,
	"BadDigest": errLater, "XAmzContentSHA256Mismatch": errLater, "XAmzContentChecksumMismatch": errLater, // flipped on the way
	"ConditionalRequestConflict": errLater, "OperationAborted": errLater,
}

// meaningOf is what a code means, or a status where the code is not one that we know; nil: nothing that we know.
func meaningOf(code string, status int) error {
	if m := meanings[code]; m != nil {
		return m
	}
	switch status {
	case http.StatusForbidden, http.StatusUnauthorized:
		return driver.ErrPermission
	case http.StatusNotFound:
		return driver.ErrNotExist
	case http.StatusNotImplemented:
		return driver.ErrUnsupported
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout:
		return errLater
	}
	return nil
}

// mostSkew is how far S3 lets clocks be apart.
const mostSkew = 15 * time.Minute

// skewed reports whether the store's clock says that ours is wrong.
func skewed(h http.Header) bool {
	_, is := refusal.ClockOff(h, time.Now(), mostSkew)
	return is
}

func inRegion(h http.Header) string {
	if r := h.Get("X-Amz-Bucket-Region"); r != "" {
		return " to " + r
	}
	return ""
}

// encrypted reports whether requests go over TLS.
func (b *bucket) encrypted() bool { return !strings.HasPrefix(b.o.Endpoint, "http://") }
