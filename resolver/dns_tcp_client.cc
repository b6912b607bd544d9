#include "resolver/dns_tcp_client.h"

#include <array>

#include "tunnel/base/byte_codec.h"

namespace culvert::resolver {

bool DnsFraming::take(ByteVector& message) {
  constexpr std::size_t kLength = 2;
  const auto whole = in_.peek();
  if (broken_ || whole.size() < kLength) return false;
  const auto size = load_be<std::uint16_t>(whole.data());
  broken_ = size == 0 || size > kLargest;
  if (broken_ || whole.size() < kLength + size) return false;
  const auto content = whole.subspan(kLength, size);
  message.assign(content.begin(), content.end());
  in_.pop(kLength + size);
  in_.release_if_empty();
  return true;
}

class DnsTcpClient::Asker final : public DnsAsker {
 public:
  Asker(std::shared_ptr<DnsTcpClient> client, ByteVector message)
      : DnsAsker(std::move(message), client->peer_, /*by_tcp=*/true), client_(std::move(client)) {}
  ~Asker() override { client_->answered(); }
  void answer(Bytes message) override { client_->send(message); }

 private:
  std::shared_ptr<DnsTcpClient> client_;
};

DnsTcpClient::DnsTcpClient(loop::Loop& loop, UniqueFd connected, const SocketAddress& peer,
                           Listener& listener)
    : loop_(loop),
      socket_(loop, std::move(connected)),
      peer_(peer),
      listener_(&listener),
      active_at_(loop.now()) {}

void DnsTcpClient::start() {
  socket_.set_listener(this);
  update_interest();
}

void DnsTcpClient::close() {
  if (std::exchange(listener_, nullptr) == nullptr) return;
  socket_.set_listener(nullptr);
  socket_.set_interest(false, false);
}

void DnsTcpClient::end() {
  auto* listener = listener_;
  close();
  if (listener != nullptr) listener->on_dns_client_gone(*this);
}

void DnsTcpClient::on_readable() {
  const auto self = shared_from_this();
  std::array<std::byte, DnsFraming::kLargest> octets;
  const auto got = socket_.read(octets);
  using State = loop::IoResult::State;
  if (got.state == State::kFailed) return end();
  if (got.state == State::kEnd) input_ended_ = true;
  if (got.state == State::kMoved) framing_.receive(Bytes{octets}.first(got.count));
  hand_over();
  if (listener_ == nullptr) return;
  if (framing_.broken() || (input_ended_ && under_way_ == 0 && out_.empty())) return end();
  update_interest();
}

void DnsTcpClient::hand_over() {
  ByteVector message;
  while (listener_ != nullptr && under_way_ < kMostUnderWay && framing_.take(message)) {
    ++under_way_;
    active_at_ = loop_.now();
    listener_->on_dns_message(std::make_unique<Asker>(shared_from_this(), std::move(message)));
  }
}

void DnsTcpClient::send(Bytes message) {
  if (listener_ == nullptr || out_.size() > kMostUnsent) return;
  ByteVector size;
  Writer(size).u16(static_cast<std::uint16_t>(message.size()));
  out_.append(size);
  out_.append(message);
  update_interest();  // written when the loop comes to it: an answer may come from inside a reading
}

void DnsTcpClient::answered() {
  --under_way_;
  active_at_ = loop_.now();
  if (listener_ != nullptr) update_interest();
}

void DnsTcpClient::flush() {
  const auto self = shared_from_this();
  while (!out_.empty()) {
    const auto put = socket_.write(out_.peek());
    if (put.state == loop::IoResult::State::kFailed) return end();
    if (put.state != loop::IoResult::State::kMoved) break;
    out_.pop(put.count);
  }
  out_.release_if_empty();
  hand_over();  // what waited for those under way
  if (listener_ == nullptr) return;
  if (input_ended_ && under_way_ == 0 && out_.empty()) return end();
  update_interest();
}

void DnsTcpClient::update_interest() {
  socket_.set_interest(!input_ended_ && under_way_ < kMostUnderWay && out_.size() < kMostUnsent,
                       !out_.empty());
}

}  // namespace culvert::resolver
