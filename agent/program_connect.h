// agent/program_connect.h: one connect() of a program to a virtual address, from the shim's
// announcement until both ends are connected.
//
//   opening --stream--> waiting --accepted--> completing --program joined--> gone
//
// With call_after_direct() a direct attempt comes first; if it succeeds there is no stream.
#pragma once
#include <memory>
#include <string>

#include "agent/direct_attempt.h"
#include "agent/held_connect.h"
#include "agent/peer_sessions.h"
#include "agent/stream_opening.h"

namespace culvert::agent {

class ProgramConnect final : private StreamOpening,
                             private HeldConnect::Listener,
                             private DirectAttempt::Listener {
 public:
  class Listener {
   public:
    // One of them, once: destroy it.
    virtual void on_program_connected(ProgramConnect& connect, session::SessionLink& link,
                                      mux::StreamId stream, UniqueFd program) = 0;
    virtual void on_program_connected_directly(ProgramConnect& connect, UniqueFd program,
                                               UniqueFd destination) = 0;
    virtual void on_program_connect_ended(ProgramConnect& connect) = 0;

   protected:
    ~Listener() = default;
  };

  ProgramConnect(std::unique_ptr<HeldConnect> held, std::string name, Listener& listener);
  ~ProgramConnect();

  // One of them, once, after construction; may end (and so destroy) this at once.
  void call_endpoint(PeerSessions& peers);
  void call_ordinary(Uplink& uplink);
  void call_directly(loop::Loop& loop, resolver::DnsClient& dns);
  void call_after_direct(loop::Loop& loop, resolver::DnsClient& dns, Uplink& uplink);

  const std::string& name() const { return name_; }
  std::uint16_t port() const { return port_; }

 private:
  void on_stream_opening(session::SessionLink& link, mux::StreamId stream) override;
  void on_opening_failed(const Error& why) override;
  void on_stream_accepted() override;
  void on_stream_readable() override {}  // waits in the stream until the flow reads it
  void on_stream_writable() override {}
  void on_stream_reset(const Error& why) override;
  void on_direct(UniqueFd connected, const Error& why) override;
  void on_connect_completed(HeldConnect& held, UniqueFd ours) override;
  void on_connect_abandoned(HeldConnect& held) override;
  void on_connecting_from(HeldConnect& held, std::uint16_t port) override;
  void open_endpoint(std::uint16_t caller_port);
  void fail_connect(const Error& why);
  void drop_stream(std::string_view why);

  std::unique_ptr<HeldConnect> held_;
  std::string name_;
  std::uint16_t port_;
  Listener& listener_;
  PeerSessions* peers_ = nullptr;       // an endpoint is called
  PeerSessions* waiting_at_ = nullptr;  // until the stream is there
  std::uint16_t caller_port_ = 0;       // that the far end was asked to show
  std::optional<DirectAttempt> direct_;
  Uplink* then_ = nullptr;                // if that fails
  UniqueFd destination_;                  // connected directly
  session::SessionLink* link_ = nullptr;  // while there is a stream
  mux::StreamId stream_{};
  bool completing_ = false;
  bool reset_ = false;  // by the far end, while the program was being joined
};

}  // namespace culvert::agent
