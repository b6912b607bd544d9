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

}  // namespace culvert::agent
