import { Module } from '@nestjs/common';
import { Mailer } from './mailer';
import { MailsRepository } from './mails.repository';

@Module({ providers: [Mailer, MailsRepository], exports: [Mailer, MailsRepository] })
export class MailModule {}
