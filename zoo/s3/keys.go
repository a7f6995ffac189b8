package s3

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// findKeys returns what requests are signed with: the keys of the environment, or else those of a
// profile in the user's file of credentials. Without any, requests are not signed; but what
// somebody has set must be of use. Nothing in the file is shown.
func findKeys() (keys *credentials.Credentials, unsigned bool, err error) {
	id, secret := os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")
	switch {
	case id != "" && secret != "":
		keys = credentials.NewStaticV4(id, secret, os.Getenv("AWS_SESSION_TOKEN"))
	case id != "" || secret != "":
		return nil, false, errors.New("only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set: set both, or neither")
	default:
		if keys, err = keysInFile(); err != nil {
			return nil, false, err
		}
	}
	value, err := keys.GetWithContext(nil)
	return keys, value.SignerType.IsAnonymous(), err
}

// keysInFile returns the keys of the user's profile. It need not have any, unless it is named.
func keysInFile() (*credentials.Credentials, error) {
	named := os.Getenv("AWS_PROFILE")
	none, profile := credentials.NewStaticV4("", "", ""), cmp.Or(named, "default")
	file := os.Getenv("AWS_SHARED_CREDENTIALS_FILE")
	fileNamed := file != ""
	if !fileNamed {
		home, err := os.UserHomeDir()
		if err != nil && named == "" {
			return none, nil
		}
		if err != nil {
			return nil, fmt.Errorf("AWS_PROFILE is set, and the folder of ~/.aws/credentials is not known: %w", err)
		}
		file = filepath.Join(home, ".aws", "credentials")
	}
	keys := credentials.New(&credentials.FileAWSCredentials{Filename: file, Profile: profile})
	value, err := keys.GetWithContext(nil)
	failed := (*fs.PathError)(nil)
	ofFile := errors.As(err, &failed) && failed.Path == file // and not of the program that it names
	switch {
	case ofFile && errors.Is(err, fs.ErrNotExist) && named == "" && !fileNamed:
		return none, nil
	case ofFile:
		return nil, fmt.Errorf("the keys cannot be read: %w", failed)
	case err != nil && err.Error() == fmt.Sprintf("section %q does not exist", profile), err == nil && value.AccessKeyID == "":
		if named == "" {
			return none, nil
		}
		return nil, fmt.Errorf("%s has no profile %q with keys: correct AWS_PROFILE, or add the section [%s] with aws_access_key_id and aws_secret_access_key", file, profile, profile)
	case err != nil: // its text may quote the file
		return nil, fmt.Errorf("the profile %q of %s cannot be used: the file must have lines of NAME = VALUE in sections of profiles, and this one both aws_access_key_id and aws_secret_access_key, or a credential_process that works", profile, file)
	case value.Expiration.IsZero(): // read once
		return credentials.NewStaticV4(value.AccessKeyID, value.SecretAccessKey, value.SessionToken), nil
	}
	return keys, nil
}
