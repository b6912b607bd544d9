#include "agent/share_desk.h"

#include <algorithm>

#include "agent/shim_packet.h"
#include "agent/shim_question.h"

namespace culvert::agent {

class ShareDesk::Asker final : private loop::FdWatch::Listener {
 public:
  Asker(ShareDesk& desk, UniqueFd socket, std::uint16_t wanted)
      : port(wanted),
        until(desk.loop_.now() + Duration{kWithin}),
        desk_(desk),
        socket_(std::move(socket)),
        watch_(desk.loop_, socket_.get(), static_cast<loop::FdWatch::Listener&>(*this)) {
    watch_.start(/*readable=*/true, /*writable=*/false);
  }
  ~Asker() { watch_.stop_and_close(socket_); }
  const std::uint16_t port;
  const TimePoint until;

 private:
  void on_fd_ready(loop::FdWatch&, bool, bool) override { desk_.drop(*this); }
  ShareDesk& desk_;
  UniqueFd socket_;
  loop::FdWatch watch_;
};

ShareDesk::ShareDesk(loop::Loop& loop, Owner& owner)
    : loop_(loop), owner_(owner), timer_(loop, *this) {}

ShareDesk::~ShareDesk() = default;

void ShareDesk::ask(UniqueFd socket, std::uint16_t port, bool own_shares) {
  if (askers_.size() >= kMost || !owner_.nobody_else_has(port, own_shares)) {
    send_answer(socket.get(), make_answer(CULVERT_NOT_OURS));
    return;
  }
  owner_.share(port, true);
  if (!send_answer(socket.get(), make_answer(CULVERT_FOUND))) return end_sharing(port);
  askers_.push_back(std::make_unique<Asker>(*this, std::move(socket), port));
  if (!timer_.running()) timer_.start(kWithin);
}

void ShareDesk::drop(Asker& asker) {
  const auto port = asker.port;
  std::erase_if(askers_, [&](const auto& one) { return one.get() == &asker; });
  end_sharing(port);
}

// Unless others still bind it.
void ShareDesk::end_sharing(std::uint16_t port) {
  if (std::ranges::none_of(askers_, [&](const auto& one) { return one->port == port; }))
    owner_.share(port, false);
}

void ShareDesk::on_timer(loop::Timer&) {
  while (!askers_.empty() && askers_.front()->until <= loop_.now()) drop(*askers_.front());
  if (!askers_.empty()) timer_.start(askers_.front()->until - loop_.now());
}

}  // namespace culvert::agent
