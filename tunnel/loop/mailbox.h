// tunnel/loop/mailbox.h: work for the thread that runs a loop, from any thread. It is done there,
// between the events of that loop, in the order of posting. Knows nothing of what it does.
//
// Posting costs a lock, an allocation, and a write to an eventfd where the loop was not yet woken.
#pragma once
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "tunnel/base/unique_fd.h"
#include "tunnel/loop/loop.h"

namespace culvert::loop {

class Mailbox final : private Poller::Watcher {
 public:
  explicit Mailbox(Loop& loop);
  // On the loop's thread, or when it runs no more, and when nobody posts any more. What was posted
  // and not done is destroyed.
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Any thread. `work` may own what can only be moved. It must not destroy the mailbox.
  template <class Work>
  void post(Work work) {
    put(std::make_unique<LetterOf<Work>>(std::move(work)));
  }

 private:
  struct Letter {
    virtual ~Letter() = default;
    virtual void open() = 0;
  };
  template <class Work>
  struct LetterOf final : Letter {
    explicit LetterOf(Work&& the_work) : work(std::move(the_work)) {}
    void open() override { work(); }
    Work work;
  };
  using Letters = std::vector<std::unique_ptr<Letter>>;

  void put(std::unique_ptr<Letter> letter);
  void on_events(std::uint32_t events) override;

  Poller& poller_;
  UniqueFd wake_;
  std::mutex mutex_;
  Letters letters_;
};

}  // namespace culvert::loop
