// agent/stream_opening.h: somebody who wants a stream on a session that may not exist yet.
#pragma once
#include "tunnel/session/session_link.h"

namespace culvert::agent {

class StreamOpening : public session::SessionLink::StreamHandler {
 public:
  // The stream is on its way; this is its handler from now on. `link` outlives the stream.
  virtual void on_stream_opening(session::SessionLink& link, mux::StreamId stream) = 0;
  virtual void on_opening_failed(const Error& why) = 0;  // there is no stream and will be none

 protected:
  ~StreamOpening() = default;
};

}  // namespace culvert::agent
