#include "tunnel/loop/mailbox.h"

#include <sys/eventfd.h>

#include <new>

namespace culvert::loop {

// Each write to an eventfd is an edge, read or not, so nobody reads it.
Mailbox::Mailbox(Loop& loop)
    : poller_(loop.poller()), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw std::bad_alloc();
  poller_.watch(wake_.get(), EPOLLIN | EPOLLET, *this);
}

Mailbox::~Mailbox() { poller_.forget(wake_.get()); }

void Mailbox::put(std::unique_ptr<Letter> letter) {
  const std::lock_guard lock(mutex_);
  letters_.push_back(std::move(letter));
  if (letters_.size() > 1) return;  // whoever put the first has woken the loop
  const std::uint64_t one = 1;
  // Fails where 2^64 - 2 have been posted.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Mailbox::on_events(std::uint32_t) {
  Letters letters;
  {
    const std::lock_guard lock(mutex_);
    letters.swap(letters_);
  }
  for (const auto& letter : letters) letter->open();
}

}  // namespace culvert::loop
