#include "agent/token_input.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/unseen.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {
namespace {

constexpr std::size_t kMaxToken = 4096;

// Mail programs break the token into lines, and what is pasted comes line by line.
bool more_was_pasted(int fd) {
  pollfd more{fd, POLLIN, 0};
  return ::poll(&more, 1, 100) == 1;
}

Result<std::string> read_all(int fd, bool at_terminal) {
  std::string text;
  char buffer[512];
  while (text.size() <= kMaxToken) {
    const auto n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return fail(ErrorCode::kIo, std::string("the token cannot be read: ") + std::strerror(errno));
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (at_terminal && text.ends_with('\n') && !more_was_pasted(fd)) return text;
  }
  return fail(ErrorCode::kBadInput,
              "that is too long for a token; give the text that "
              "culvert-service invite printed, and nothing else");
}

}  // namespace

Result<std::string> read_token(const std::string& file) {
  if (!file.empty()) {
    const UniqueFd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd) return fail(ErrorCode::kBadInput, file + ": " + std::strerror(errno));
    return read_all(fd.get(), /*at_terminal=*/false);
  }
  if (::isatty(STDIN_FILENO) == 0) return read_all(STDIN_FILENO, /*at_terminal=*/false);
  std::fputs("Invitation token (it is not shown): ", stderr);
  const Unseen unseen(STDIN_FILENO);
  auto token = read_all(STDIN_FILENO, /*at_terminal=*/true);
  std::fputs("\n", stderr);
  return token;
}

}  // namespace culvert::agent
