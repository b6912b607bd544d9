// tunnel/base/standard_error.h: writes to standard error without ever waiting for who reads it.
#pragma once
#include <cstddef>
#include <string_view>

namespace culvert {

inline constexpr std::size_t kMostAtOnce = 4096;  // PIPE_BUF: so much goes into a pipe whole

// `line` has at most kMostAtOnce octets; it goes out whole. False, and nothing of it went out: the
// reader has stalled or is gone. Whatever standard error is at the moment: a file, a terminal, a
// pipe, the journal's socket. Its O_NONBLOCK is not touched: others have the same description.
bool write_to_standard_error(std::string_view line);

}  // namespace culvert
