// service/service_key.h: the two secrets of a service, in one file of mode 0600: the X25519 key by
// which endpoints know it, and the Ed25519 key that signs name certificates. Whoever has them is
// the service, so a file that others may read is refused, not repaired.
#pragma once
#include <filesystem>

#include "tunnel/crypto/keys.h"

namespace culvert::service {

struct ServiceKey {
  crypto::KeyPair identity;
  crypto::SigningKeyPair signing;
};

// Makes the directory (0700) if it is missing. kIo, kNotPermitted: with the remedy.
Result<void> make_state_directory(const std::filesystem::path& directory);

// Reads `file`, or makes new keys and writes them there. Of several processes that do so at once,
// one creates the file, whole, and the others read it.
Result<ServiceKey> load_or_create_key(const std::filesystem::path& file, Random& random);

// Both of the service's key and its database are in the directory, or neither: with one alone a
// backup has come back in part, and no endpoint would be let in. kIo with what to do. Waits for at
// most a second, as another process may be making them.
Result<void> check_complete(const std::filesystem::path& key,
                            const std::filesystem::path& database);

// Writes a new file of mode 0600 in one step; false if there is one already.
Result<bool> create_private_file(const std::filesystem::path& file, std::string_view content);
// A file that nobody but its owner may read, at most 64 KiB.
Result<std::string> read_private_file(const std::filesystem::path& file);

}  // namespace culvert::service
