import { Injectable } from '@nestjs/common';

/** Whether the server has been told to stop. It still handles requests for a while. */
@Injectable()
export class ShutdownState {
  isStopping = false;
  /** Another process handles further requests to this port: load balancers need not notice that this one stops. */
  isReplaced = false;
}
