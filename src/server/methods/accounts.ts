/** Methods about users, for the admin. Wire reference §2.3; `ListUsers` is ours. */

import type { MethodsOf } from './method.ts';

type Names =
  | 'RegisterNewUser'
  | 'UpdateUserPassword'
  | 'UserFromName'
  | 'UserFromEmail'
  | 'UserFromCustomerId'
  | 'SetUserMetadataField'
  | 'DeleteUserMetadataField'
  | 'SetUserEmail'
  | 'ListUsers';

export const accountMethods: MethodsOf<Names> = {
  RegisterNewUser: { needs: 'admin', run: ({ workshop }, user) => workshop.users.register(user) },
  UpdateUserPassword: {
    needs: 'admin',
    run: ({ workshop }, { Id, NewPassword }) => workshop.users.setPassword(Id, NewPassword),
  },
  UserFromName: { needs: 'admin', run: ({ workshop }, { Name }) => workshop.users.byName(Name) },
  UserFromEmail: { needs: 'admin', run: ({ workshop }, { Email }) => workshop.users.byEmail(Email) },
  UserFromCustomerId: {
    needs: 'admin',
    run: ({ workshop }, { CustomerId }) => workshop.users.byCustomerId(CustomerId),
  },
  SetUserMetadataField: {
    needs: 'admin',
    run: ({ workshop }, { Id, Field, Value }) => workshop.users.setMetadata(Id, Field, Value),
  },
  DeleteUserMetadataField: {
    needs: 'admin',
    run: ({ workshop }, { Id, Field }) => workshop.users.deleteMetadata(Id, Field),
  },
  SetUserEmail: { needs: 'admin', run: ({ workshop }, { Id, Email }) => workshop.users.setEmail(Id, Email) },
  ListUsers: { needs: 'admin', run: ({ workshop }) => workshop.users.list() },
};
