#include "tunnel/base/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tunnel/base/unique_fd.h"

namespace culvert {

Result<std::string> read_text_file(const std::string& path, std::size_t most) {
  const auto failed = [](int error) { return fail(ErrorCode::kIo, std::strerror(error)); };
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return failed(errno);
  std::string text;
  char part[16'384];
  for (;;) {
    const auto n = ::read(file.get(), &part[0], sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return failed(errno);
    if (n == 0) return text;
    if (text.size() + static_cast<std::size_t>(n) > most) return failed(EFBIG);
    text.append(&part[0], static_cast<std::size_t>(n));
  }
}

}  // namespace culvert
