-- Wake a lane outside admission: the safety poll, or a repair. Returns 1.
--#include lanes
wake_lane(lane, context, now + in_ms, true)
return 1
