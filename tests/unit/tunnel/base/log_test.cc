#include "tunnel/base/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "tunnel/base/unique_fd.h"

namespace culvert {
namespace {

// Takes the place of standard error for its life.
class StandardError {
 public:
  explicit StandardError(int instead) : before_(::dup(STDERR_FILENO)) {
    std::fflush(stderr);
    ::dup2(instead, STDERR_FILENO);
  }
  ~StandardError() { ::dup2(before_.get(), STDERR_FILENO); }

 private:
  UniqueFd before_;
};

std::string read_now(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(got));
  return text;
}

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

void log_lines(int lines) {
  for (int i = 0; i < lines; ++i) log::info("test", {{"event", "tick"}, {"number", i}});
}

// More than the reader's kernel buffer holds; were a line to wait, this would never end.
void expect_drops_counted(int reading, int writing) {
  constexpr int kLines = 20'000;
  const StandardError place(writing);
  const int flags = ::fcntl(writing, F_GETFL);
  log_lines(kLines);
  const auto first = read_now(reading);
  log_lines(1);
  const auto later = read_now(reading);
  EXPECT_EQ(::fcntl(writing, F_GETFL), flags) << "others write there as well";
  const auto came = count(first, "event=tick");
  EXPECT_GT(came, 10u);
  EXPECT_LT(came, std::size_t{kLines});
  EXPECT_EQ(first.back(), '\n') << "no line is cut off in the middle";
  EXPECT_EQ(count(first, "\n"), came);
  EXPECT_NE(later.find("log event=dropped lines=" + std::to_string(kLines - came) + "\n"),
            std::string::npos)
      << later;
  EXPECT_EQ(count(later, "event=tick"), 1u);
}

TEST(Log, DropsAndCountsLinesWhileTheReaderOfAPipeStalls) {
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]), writing(ends[1]);
  expect_drops_counted(reading.get(), writing.get());
}

TEST(Log, DropsAndCountsLinesWhileTheReaderOfASocketStalls) {
  std::array<int, 2> ends;
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd reading(ends[0]), writing(ends[1]);
  expect_drops_counted(reading.get(), writing.get());
}

TEST(Log, FollowsStandardErrorToAnotherPipe) {
  for (int i = 0; i < 2; ++i) {
    std::array<int, 2> ends;
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const UniqueFd reading(ends[0]), writing(ends[1]);
    const StandardError place(writing.get());
    log_lines(3);
    EXPECT_EQ(count(read_now(reading.get()), "event=tick"), 3u);
  }
}

TEST(Log, CutsALineThatIsLongerThanAPipeTakesWhole) {
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]), writing(ends[1]);
  {
    const StandardError place(writing.get());
    log::info("test", {{"why", std::string(10'000, 'x')}});
    log_lines(1);
  }
  const auto text = read_now(reading.get());
  EXPECT_EQ(text.find('\n'), 4095u);
  EXPECT_EQ(text.substr(4092, 3), "...");
  EXPECT_EQ(count(text, "event=tick"), 1u);
}

TEST(Log, LosesLinesWithoutHarmWhileStandardErrorIsClosed) {
  const UniqueFd before(::dup(STDERR_FILENO));
  ::close(STDERR_FILENO);
  log_lines(5);
  ::dup2(before.get(), STDERR_FILENO);
}

}  // namespace
}  // namespace culvert
