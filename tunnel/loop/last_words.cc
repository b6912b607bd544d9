#include "tunnel/loop/last_words.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "tunnel/base/byte_queue.h"

namespace culvert::loop {
namespace {

constexpr int kTicks = 2;  // of the timer without progress are kPatience
constexpr std::uint32_t kWriting = EPOLLET | EPOLLOUT;

// What was sent is natively with whoever reads, or lost on the way as it would be natively.
std::size_t unsent(int fd) {
  int octets = 0;
  return ioctl(fd, SIOCOUTQNSD, &octets) == 0 ? static_cast<std::size_t>(octets) : 0;
}

}  // namespace

class LastWords::Speaker final : public Poller::Watcher {
 public:
  Speaker(LastWords& owner, UniqueFd socket, Bytes rest) : owner_(owner), fd_(std::move(socket)) {
    rest_.append(rest);
    left_ = left();
  }
  ~Speaker() {
    if (watched_) owner_.loop_.poller().forget(fd_.get());
  }
  std::size_t rest() const { return rest_.size(); }

  // False: nothing is left, or nobody to hear it.
  bool speak() {
    while (!rest_.empty()) {
      const auto words = rest_.peek();
      const auto sent = ::send(fd_.get(), words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno != EAGAIN) return false;
      if (sent < 0) break;
      rest_.pop(static_cast<std::size_t>(sent));
    }
    if (rest_.empty() && unsent(fd_.get()) == 0) return false;
    if (rest_.empty() && !std::exchange(all_given_, true)) {
      rest_.release_if_empty();
      // From here on it is writable when all of it has been sent.
      const int one = 1;
      ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &one, sizeof one);
      if (watched_) owner_.loop_.poller().change(fd_.get(), kWriting);
    }
    if (!std::exchange(watched_, true)) owner_.loop_.poller().watch(fd_.get(), kWriting, *this);
    return true;
  }

  bool tick() {
    if (!speak()) return false;
    const auto left = this->left();
    idle_ = left == std::exchange(left_, left) ? idle_ + 1 : 0;
    return idle_ < kTicks;
  }

 private:
  std::size_t left() const { return rest_.size() + unsent(fd_.get()); }
  void on_events(std::uint32_t events) override {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 || !speak()) owner_.drop(*this);
  }

  LastWords& owner_;
  UniqueFd fd_;
  ByteQueue rest_;
  std::size_t left_ = 0;
  int idle_ = 0;
  bool watched_ = false, all_given_ = false;
};

LastWords::LastWords(Loop& loop) : loop_(loop), timer_(loop, *this) {}

LastWords::~LastWords() = default;

void LastWords::take(UniqueFd socket, Bytes rest) {
  const linger reset{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  if (rest.empty() && unsent(socket.get()) == 0) return;
  std::size_t held = rest.size();
  for (const auto& one : speakers_) held += one->rest();
  if (speakers_.size() >= kMost || held > kMostRest) return;
  auto speaker = std::make_unique<Speaker>(*this, std::move(socket), rest);
  if (!speaker->speak()) return;
  speakers_.push_back(std::move(speaker));
  if (!timer_.running()) timer_.start(kPatience / kTicks);
}

void LastWords::on_timer(Timer&) {
  std::erase_if(speakers_, [](const auto& one) { return !one->tick(); });
  if (!speakers_.empty()) timer_.start(kPatience / kTicks);
}

void LastWords::drop(const Speaker& speaker) {
  std::erase_if(speakers_, [&](const auto& one) { return one.get() == &speaker; });
}

}  // namespace culvert::loop
