#include "agent/status_reply.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace culvert::agent {

StatusQuestion::StatusQuestion(UniqueFd socket, const Asker& asker,
                               std::weak_ptr<StatusReplies> replies)
    : socket_(std::move(socket)), asker_(asker), replies_(std::move(replies)) {}

void StatusQuestion::answer(std::string text) {
  if (const auto replies = replies_.lock(); replies && socket_)
    replies->send(std::move(socket_), std::move(text));
}

StatusReply::StatusReply(loop::Loop& loop, UniqueFd socket, std::string text, StatusReplies& owner)
    : socket_(std::move(socket)), text_(std::move(text)), owner_(owner) {
  watch_.emplace(loop, socket_.get(), static_cast<loop::FdWatch::Listener&>(*this));
  watch_->start(/*readable=*/false, /*writable=*/true);
}

void StatusReply::on_fd_ready(loop::FdWatch&, bool, bool) {
  constexpr std::size_t kPacket = 16'384;  // shim/wire.h
  while (sent_ < text_.size()) {
    const auto size = std::min(kPacket, text_.size() - sent_);
    const auto sent = ::send(socket_.get(), text_.data() + sent_, size, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (sent < 0) break;  // the asker went away
    sent_ += static_cast<std::size_t>(sent);
  }
  owner_.replies_.erase(self_);
}

void StatusReplies::send(UniqueFd socket, std::string text) {
  if (replies_.size() >= kMost) replies_.pop_front();
  auto& reply = replies_.emplace_back(loop_, std::move(socket), std::move(text), *this);
  reply.self_ = std::prev(replies_.end());
}

}  // namespace culvert::agent
