// agent/question.h: what a shim asks about names and addresses, handed over to the agent's core.
//
// Each is an owned object: answer it, now or later, by one call of one of its members; a question
// that is dropped unanswered is answered with "try again". An asker that went away in the meantime
// is no concern of the core: the answer then goes nowhere. Must not outlive the loop.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "agent/asker.h"
#include "tunnel/base/address.h"
#include "tunnel/base/unique_fd.h"

namespace culvert::agent {

class Question {
 public:
  Question(UniqueFd asker_socket, const Asker& asker, std::shared_ptr<std::size_t> open_count);
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;
  virtual ~Question();
  const Asker& asker() const { return asker_; }

  void not_ours();      // libc shall answer it as if there were no Culvert
  void no_such_name();  // EAI_NONAME
  void try_again();     // EAI_AGAIN

 protected:
  void send(int verdict, const SocketAddress& address, std::string_view name);
  UniqueFd socket_;

 private:
  Asker asker_;
  // Shared: a question may outlive the gate that counts how many are open.
  std::shared_ptr<std::size_t> open_count_;
};

// Somebody who wants the virtual address of a name, by whatever way he asks. Answered once;
// dropping it unanswered is "try again".
class NameInquiry {
 public:
  NameInquiry() = default;
  NameInquiry(const NameInquiry&) = delete;
  NameInquiry& operator=(const NameInquiry&) = delete;
  virtual ~NameInquiry() = default;
  virtual const std::string& wanted() const = 0;  // as it was written, not canonical
  virtual uid_t user() const = 0;
  virtual void on_found(const IpAddress& address) = 0;
  virtual void on_not_ours() = 0;
  virtual void on_no_such_name() = 0;
  virtual void on_try_again() = 0;
};

class NameQuestion final : public Question, public NameInquiry {
 public:
  NameQuestion(UniqueFd asker_socket, const Asker& asker, std::shared_ptr<std::size_t> open_count,
               std::string name, int family);
  const std::string& name() const { return name_; }  // as the program wrote it, not canonical
  int family() const { return family_; }             // AF_UNSPEC, AF_INET or AF_INET6
  void found(const IpAddress& address);

  const std::string& wanted() const override { return name_; }
  uid_t user() const override { return asker().uid; }
  void on_found(const IpAddress& address) override { found(address); }
  void on_not_ours() override { not_ours(); }
  void on_no_such_name() override { no_such_name(); }
  void on_try_again() override { try_again(); }

 private:
  std::string name_;
  int family_;
};

class AddressQuestion final : public Question {
 public:
  AddressQuestion(UniqueFd asker_socket, const Asker& asker,
                  std::shared_ptr<std::size_t> open_count, const IpAddress& address);
  const IpAddress& address() const { return address_; }
  void found(std::string_view name);  // at most 253 octets

 private:
  IpAddress address_;
};

// Where shall datagrams to this virtual address go?
class DatagramQuestion final : public Question {
 public:
  struct Sender {
    std::uint64_t cookie = 0;
    std::uint16_t port = 0;  // its own; 0: not bound yet
    IpAddress at;            // where it sends from
  };
  DatagramQuestion(UniqueFd asker_socket, const Asker& asker,
                   std::shared_ptr<std::size_t> open_count, const SocketAddress& to,
                   const Sender& sender);
  ~DatagramQuestion() override;
  const SocketAddress& to() const { return to_; }
  const Sender& sender() const { return sender_; }
  void send_there(const SocketAddress& really);
  void fail(ErrorCode code);

 private:
  SocketAddress to_;
  Sender sender_;
};

}  // namespace culvert::agent
