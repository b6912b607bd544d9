#include "agent/question.h"

#include <sys/socket.h>

#include "agent/shim_packet.h"
#include "agent/shim_question.h"

namespace culvert::agent {

Question::Question(UniqueFd asker_socket, const Asker& asker,
                   std::shared_ptr<std::size_t> open_count)
    : socket_(std::move(asker_socket)), asker_(asker), open_count_(std::move(open_count)) {
  ++*open_count_;
}

Question::~Question() {
  try_again();
  --*open_count_;
}

void Question::send(int verdict, const SocketAddress& address, std::string_view name) {
  if (!socket_) return;  // answered already
  send_answer(socket_.get(), make_answer(static_cast<culvert_verdict>(verdict), address, name));
  socket_.reset();
}

void Question::not_ours() { send(CULVERT_NOT_OURS, {}, {}); }
void Question::no_such_name() { send(CULVERT_NO_SUCH_NAME, {}, {}); }
void Question::try_again() { send(CULVERT_TRY_AGAIN, {}, {}); }

NameQuestion::NameQuestion(UniqueFd asker_socket, const Asker& asker,
                           std::shared_ptr<std::size_t> open_count, std::string name, int family)
    : Question(std::move(asker_socket), asker, std::move(open_count)),
      name_(std::move(name)),
      family_(family) {}

void NameQuestion::found(const IpAddress& address) { send(CULVERT_FOUND, {address, 0}, {}); }

AddressQuestion::AddressQuestion(UniqueFd asker_socket, const Asker& asker,
                                 std::shared_ptr<std::size_t> open_count, const IpAddress& address)
    : Question(std::move(asker_socket), asker, std::move(open_count)), address_(address) {}

void AddressQuestion::found(std::string_view name) { send(CULVERT_FOUND, {address_, 0}, name); }

DatagramQuestion::DatagramQuestion(UniqueFd asker_socket, const Asker& asker,
                                   std::shared_ptr<std::size_t> open_count, const SocketAddress& to,
                                   const Sender& sender)
    : Question(std::move(asker_socket), asker, std::move(open_count)), to_(to), sender_(sender) {}

DatagramQuestion::~DatagramQuestion() { fail(ErrorCode::kNetworkUnreachable); }

void DatagramQuestion::send_there(const SocketAddress& really) { send(CULVERT_HOLD, really, {}); }

void DatagramQuestion::fail(ErrorCode code) {
  if (!socket_) return;
  send_answer(socket_.get(), make_error_answer(CULVERT_FAIL, to_errno(code)));
  socket_.reset();
}

}  // namespace culvert::agent
