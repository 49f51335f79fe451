package manifest

// The names of the rules. They are stable: people search for them, and
// docs/rules.md has a section for each.
const (
	// Finding files.
	rulePath     = "path-not-found"
	ruleGlob     = "glob-no-match"
	ruleNoFiles  = "no-manifests"
	ruleNoPools  = "no-pools"
	ruleSymlink  = "symlink"
	ruleNotAFile = "not-a-file"

	// Reading a file.
	ruleFileSize     = "file-size"
	ruleEncoding     = "encoding"
	ruleCharacter    = "character"
	ruleEmptyFile    = "empty-file"
	ruleSyntax       = "yaml-syntax"
	ruleDocuments    = "several-documents"
	ruleDirective    = "yaml-directive"
	ruleDepth        = "nesting-depth"
	ruleExpansion    = "alias-expansion"
	ruleTag          = "yaml-tag"
	ruleKey          = "yaml-key"
	ruleDuplicateKey = "duplicate-key"
	ruleScalar       = "yaml-scalar"

	// What a field may hold.
	ruleUnknownField   = "unknown-field"
	ruleMissingField   = "missing-field"
	ruleType           = "wrong-type"
	ruleEmptyValue     = "empty-value"
	ruleVersion        = "version"
	ruleOrganisation   = "organisation-id"
	ruleReference      = "reference"
	ruleLabel          = "label"
	ruleStatus         = "status"
	ruleLifecycle      = "lifecycle"
	ruleOverwrite      = "overwrite"
	ruleCredentials    = "credentials"
	ruleTagEntry       = "tag-entry"
	ruleEmptyTagType   = "empty-tag-type"
	ruleEmptyContent   = "empty-content"
	ruleDuplicateEntry = "duplicate-entry"
	ruleLongText       = "long-text"
	ruleManyReferences = "many-references"

	// What does not fit together.
	ruleDuplicatePool     = "duplicate-pool"
	ruleReferenceCase     = "reference-case"
	ruleCorrectionUnknown = "correction-unknown-reference"
	ruleCorrectionTwice   = "correction-id-twice"
	ruleEmptyCorrection   = "empty-correction"
	ruleIgnoreEmpty       = "ignore-empty-unreachable"

	// The configuration file.
	ruleSet        = "set"
	ruleAPIVersion = "api-version"
	ruleEndpoint   = "endpoint"
	ruleState      = "state"
	ruleGuards     = "guards"
	ruleFreeze     = "freeze"
)

// Rules lists the names of all rules, in the order of docs/rules.md.
var Rules = []string{
	rulePath, ruleGlob, ruleNoFiles, ruleNoPools, ruleSymlink, ruleNotAFile,
	ruleFileSize, ruleEncoding, ruleCharacter, ruleEmptyFile, ruleSyntax, ruleDocuments, ruleDirective,
	ruleDepth, ruleExpansion, ruleTag, ruleKey, ruleDuplicateKey, ruleScalar,
	ruleUnknownField, ruleMissingField, ruleType, ruleEmptyValue, ruleVersion, ruleOrganisation, ruleReference, ruleLabel,
	ruleStatus, ruleLifecycle, ruleOverwrite, ruleCredentials, ruleTagEntry, ruleEmptyTagType, ruleEmptyContent,
	ruleDuplicateEntry, ruleLongText, ruleManyReferences,
	ruleDuplicatePool, ruleReferenceCase, ruleCorrectionUnknown, ruleCorrectionTwice, ruleEmptyCorrection, ruleIgnoreEmpty,
	ruleSet, ruleAPIVersion, ruleEndpoint, ruleState, ruleGuards, ruleFreeze,
}
