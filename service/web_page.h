// service/web_page.h: what a browser that opens the front door is shown: an ordinary, dull web
// server. It tells nothing of who is enrolled or online.
#pragma once
#include <string>

#include "service/http_request.h"

namespace culvert::service {

std::string web_answer(const HttpRequest& request);  // the whole answer; the connection then ends

}  // namespace culvert::service
