// service/conference.h: UDP flows of several endpoints that hear one another: what one of them
// sends to a conference's name and port goes to all others that have sent there too. Nothing is
// mixed, kept or sent again.
//
// A member joins with its first datagram (an empty one will do) and leaves when its program closes
// the socket, or has neither heard nor said anything for as long as its agent keeps a flow. A slow
// member loses its own datagrams (mux/datagrams.h drops what is late) and nobody else's. Every copy
// is charged to its sender's budget, so that a conference multiplies no flood. Members live on any
// loop.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "service/datagram_door.h"
#include "tunnel/flow/datagram_flow.h"

namespace culvert::service {

class ConferenceMember;

// Who is in which conference, at which port.
class Conferences {
 public:
  using Place = std::pair<std::string, std::uint16_t>;  // name and port
  using Door = DatagramDoor<ConferenceMember>;

  bool enter(const Place& place, const Door& member, std::size_t most);  // false: it is full
  void leave(const Place& place, const Door& member);
  std::vector<Door> members(const Place& place) const;

 private:
  mutable std::mutex mutex_;
  std::map<Place, std::vector<Door>> places_;
};

class ConferenceMember final : private session::SessionLink::StreamHandler {
 public:
  class Listener {
   public:
    virtual void on_conference_left(ConferenceMember& member) = 0;  // destroy it

   protected:
    ~Listener() = default;
  };
  struct Context {
    loop::Loop& loop;
    loop::Mailbox& mailbox;  // of this loop
    Conferences& conferences;
    flow::DatagramBudget& budget;
  };

  // Accepts the stream. Both, the link and what is in `context`, outlive it. Null: `most` are there
  // already, and the stream is as it was.
  static std::unique_ptr<ConferenceMember> join(const Context& context, Conferences::Place place,
                                                std::size_t most, session::SessionLink& link,
                                                mux::StreamId stream, Listener& listener);
  ~ConferenceMember();
  const Conferences::Place& place() const { return place_; }

 private:
  ConferenceMember(const Context& context, Conferences::Place place, session::SessionLink& link,
                   mux::StreamId stream, Listener& listener);
  void send(const Parcel& datagrams);
  void on_stream_accepted() override {}
  void on_stream_readable() override;
  void on_stream_writable() override {}
  void on_stream_datagrams(std::span<const mux::ArrivedDatagram> datagrams) override;
  void on_stream_reset(const Error& why) override;

  Context context_;
  Conferences::Place place_;
  session::SessionLink& link_;
  mux::StreamId stream_;
  Listener& listener_;
  Conferences::Door door_;
  bool entered_ = false, stream_gone_ = false;
};

}  // namespace culvert::service
