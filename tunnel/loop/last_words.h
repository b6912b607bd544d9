// tunnel/loop/last_words.h: sockets that are to be reset behind what is still in their way out: a
// reset makes the kernel forget what it has not sent. Whoever reads on gets all of it; whoever has
// not read for kPatience, and whoever comes when too many are here, the reset at once.
#pragma once
#include <memory>
#include <vector>

#include "tunnel/base/bytes.h"
#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/timer.h"

namespace culvert::loop {

class LastWords final : private Timer::Listener {
 public:
  static constexpr std::chrono::milliseconds kPatience{500};
  static constexpr std::size_t kMost = 256;            // sockets
  static constexpr std::size_t kMostRest = 16u << 20;  // octets of all of them beside the kernel's

  explicit LastWords(Loop& loop);
  ~LastWords();  // resets them
  // A connected TCP socket that the loop does not watch. `rest` goes out behind what it was given.
  void take(UniqueFd socket, Bytes rest);
  std::size_t size() const { return speakers_.size(); }

 private:
  class Speaker;
  void on_timer(Timer& timer) override;
  void drop(const Speaker& speaker);

  Loop& loop_;
  std::vector<std::unique_ptr<Speaker>> speakers_;
  Timer timer_;
};

}  // namespace culvert::loop
