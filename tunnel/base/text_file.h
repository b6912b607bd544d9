// tunnel/base/text_file.h: a file that a person named: a configuration, a certificate.
#pragma once
#include <string>

#include "tunnel/base/result.h"

namespace culvert {

// The whole of it; a pipe to its end (--config <(...)). kIo, in the words of strerror(3) alone, so
// that the caller can say what the file is for: what is missing, a directory, longer than `most`
// octets.
Result<std::string> read_text_file(const std::string& path, std::size_t most = 4U << 20U);

}  // namespace culvert
